# boards: faults
# nightly: faults32
# SPEC sections 2, 5, 6: Ctrl-C and lack of RAM anywhere in a call, once and twice in a row, leave the database as before or after it.
import faults
from faultlab import run
from nightly import COARSER

for again in (0, 1, 3):
    step = 293 if again else 113
    assert run("file", faults.interrupt, again, step) > 100 // COARSER
    assert run("file", faults.starve, again, step) > 100 // COARSER
print("OK")
