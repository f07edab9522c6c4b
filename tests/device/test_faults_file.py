# boards: faults faults32
# SPEC sections 2, 5, 6: Ctrl-C and lack of RAM anywhere in a call, once and twice in a row, leave the database as before or after it.
import faults
from faultlab import run

for again in (0, 1, 3):
    assert run("file", faults.interrupt, again, step=89) > 100
    assert run("file", faults.starve, again, step=89) > 100
print("OK")
