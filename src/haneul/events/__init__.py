"""What services tell each other: published in the transaction of the change, delivered at least once.

    events.publish(tx, "s3.object", call.scope, {"event": "ObjectCreated:Put", "bucket": ..., "key": ...})

A service that wants them names the topic in its `subscribes`.
"""

from haneul.events.outbox import Event as Event
from haneul.events.outbox import publish as publish
