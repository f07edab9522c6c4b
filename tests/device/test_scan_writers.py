# boards: unix unix32
# SPEC section 4: what changes many records has changed all of them or raises, whatever fails meanwhile; done again, it changes the rest.
from nightly import COARSER
from scanfaults import CHANGE, WRITERS, prepared, timed, writers

fake = timed()
n = writers(prepared(), CHANGE, WRITERS, fake)
print(n, "faults")
assert n > 100 // COARSER, n
print("OK")
