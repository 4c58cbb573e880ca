// Lambda's Node.js runtime: loads the handler and feeds it invocations from the Runtime API.
import http from 'node:http';
import path from 'node:path';
import fs from 'node:fs';
import util from 'node:util';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
const agent = new http.Agent({ keepAlive: true, maxSockets: 1, noDelay: true });
let requestId = '';

function call(method, where, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const data = body === undefined ? Buffer.alloc(0) : Buffer.from(body);
    const request = http.request(
      { host, port, method, agent, path: '/2018-06-01/runtime/' + where, headers: { 'Content-Length': data.length, ...headers } },
      (answer) => {
        const pieces = [];
        answer.on('data', (piece) => pieces.push(piece));
        answer.on('end', () => resolve({ headers: answer.headers, body: Buffer.concat(pieces) }));
      },
    );
    request.setTimeout(0);
    request.on('error', reject);
    request.end(data);
  });
}

function write(text) {
  const data = Buffer.from(text);
  for (let at = 0; at < data.length; ) {
    try { at += fs.writeSync(1, data, at); } catch (error) { if (error.code !== 'EAGAIN') return; }
  }
}

for (const [name, level] of [['log', 'INFO'], ['info', 'INFO'], ['warn', 'WARN'], ['error', 'ERROR'], ['debug', 'DEBUG'], ['trace', 'TRACE']]) {
  console[name] = (...given) => write(`${new Date().toISOString()}\t${requestId || 'undefined'}\t${level}\t${util.format(...given).replace(/\n/g, '\r')}\n`);
}

function described(error) {
  if (error instanceof Error) {
    return { errorType: error.name, errorMessage: error.message, trace: (error.stack || '').split('\n') };
  }
  return { errorType: typeof error, errorMessage: String(error), trace: [] };
}

async function load(name) {
  const base = path.basename(name);
  const dot = base.indexOf('.');
  if (dot < 0) throw Object.assign(new Error('Bad handler'), { name: 'Runtime.MalformedHandlerName' });
  const file = path.resolve(process.env.LAMBDA_TASK_ROOT, path.dirname(name), base.slice(0, dot));
  const found = ['', '.js', '.mjs', '.cjs'].map((end) => file + end).find((one) => fs.existsSync(one) && fs.statSync(one).isFile());
  if (!found) {
    throw Object.assign(new Error(`Error: Cannot find module '${base.slice(0, dot)}'\nRequire stack:\n- /var/runtime/index.mjs`), { name: 'Runtime.ImportModuleError' });
  }
  let module;
  try {
    module = found.endsWith('.mjs') ? await import(pathToFileURL(found)) : createRequire(found)(found);
  } catch (error) {
    if (error.code !== 'ERR_REQUIRE_ESM' && !(error instanceof SyntaxError)) throw error;
    module = await import(pathToFileURL(found));
  }
  let handler = module;
  for (const part of base.slice(dot + 1).split('.')) handler = handler?.[part] ?? handler?.default?.[part];
  if (typeof handler !== 'function') {
    throw Object.assign(new Error(`${name} is undefined or not exported`), { name: 'Runtime.HandlerNotFound' });
  }
  return handler;
}

function perform(handler, event, context) {
  return new Promise((resolve, reject) => {
    const done = (error, value) => (error ? reject(error) : resolve(value));
    const answer = handler(event, Object.assign(context, { done, succeed: resolve, fail: reject, callbackWaitsForEmptyEventLoop: true }), done);
    if (answer && typeof answer.then === 'function') answer.then(resolve, reject);
    else if (handler.length < 3 && answer !== undefined) resolve(answer);
    else if (handler.length < 3) setImmediate(() => resolve(null));
  });
}

function contextOf(headers) {
  const env = process.env;
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  return {
    awsRequestId: requestId,
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: headers['lambda-runtime-client-context'] ? JSON.parse(headers['lambda-runtime-client-context']) : undefined,
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
  };
}

const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming');
globalThis.awslambda = {
  streamifyResponse: (handler) => Object.assign(handler, { [STREAMING]: 'response' }),
  HttpResponseStream: {
    from(stream, prelude) {
      stream.contentType = 'application/vnd.awslambda.http-integration-response';
      stream.write(JSON.stringify(prelude));
      stream.write(Buffer.alloc(8));
      return stream;
    },
  },
};

function stream(handler, event, context) {
  return new Promise((resolve, reject) => {
    const request = http.request(
      { host, port, method: 'POST', path: `/2018-06-01/runtime/invocation/${requestId}/response`, headers: { 'Lambda-Runtime-Function-Response-Mode': 'streaming', 'Transfer-Encoding': 'chunked' } },
      (answer) => { answer.resume(); answer.on('end', resolve); },
    );
    request.setContentType = (type) => { request.contentType = type; };
    const inner = request.write.bind(request);
    let started = false;
    request.write = (...given) => {
      if (!started) { started = true; request.setHeader('Content-Type', request.contentType || 'application/octet-stream'); }
      return inner(...given);
    };
    request.on('error', reject);
    handler(event, request, context).catch((error) => { request.destroy(); reject(error); });
  });
}

async function main() {
  let handler;
  try {
    handler = await load(process.env._HANDLER || '');
  } catch (error) {
    console.error('Uncaught Exception', JSON.stringify(described(error)));
    await call('POST', 'init/error', JSON.stringify(described(error)), { 'Lambda-Runtime-Function-Error-Type': described(error).errorType });
    process.exit(1);
  }
  for (;;) {
    const { headers, body } = await call('GET', 'invocation/next');
    requestId = headers['lambda-runtime-aws-request-id'];
    try {
      const event = JSON.parse(body.toString());
      if (handler[STREAMING]) {
        await stream(handler, event, contextOf(headers));
        continue;
      }
      const answer = await perform(handler, event, contextOf(headers));
      const text = JSON.stringify(answer === undefined ? null : answer);
      await call('POST', `invocation/${requestId}/response`, text, { 'Content-Type': 'application/json' });
    } catch (error) {
      console.error('Invoke Error', JSON.stringify(described(error)));
      await call('POST', `invocation/${requestId}/error`, JSON.stringify(described(error)), { 'Lambda-Runtime-Function-Error-Type': described(error).errorType });
    }
  }
}

process.on('uncaughtException', async (error) => {
  console.error('Uncaught Exception', JSON.stringify(described(error)));
  if (requestId) await call('POST', `invocation/${requestId}/error`, JSON.stringify(described(error)));
  process.exit(129);
});
main();
