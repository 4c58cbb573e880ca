"""Virtual machines: the port, the real ones, and a fake for pure tests."""

from __future__ import annotations

from haneul.engines.machines.port import Available as Available
from haneul.engines.machines.port import Disk as Disk
from haneul.engines.machines.port import Machine as Machine
from haneul.engines.machines.port import Machines as Machines
from haneul.engines.machines.port import Nic as Nic
from haneul.engines.machines.port import Stats as Stats
