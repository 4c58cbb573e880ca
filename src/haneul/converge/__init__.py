"""Everything that takes time: a row says what is wanted, a step brings the world nearer, the loop repeats it.

converge.wake(tx, "glacier.job", call.scope, (vault, job), due=call.now() + 3600)
"""

from haneul.converge.timers import wake as wake
