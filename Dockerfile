# A container for those who like one; Haneul itself needs none. Inside, mode cloud: a container's port is reachable from outside it.
FROM python:3.11-slim
COPY . /src
RUN pip install --no-cache-dir -r /src/requirements/run.txt && pip install --no-cache-dir --no-deps /src && rm -rf /src
VOLUME /data
EXPOSE 4566
ENTRYPOINT ["haneul"]
CMD ["start", "--mode", "cloud", "--host", "0.0.0.0", "--data", "/data"]
