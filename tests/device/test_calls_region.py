# boards: unix unix32
# heap: 1m
# SPEC section 6: long calls cancelled, closed under, left, and interleaved, after each step, in a region.
import callslab

print(callslab.run("region", 5), "calls cut off or interleaved")
print("OK")
