# boards: unix unix32
# heap: 1m
# SPEC section 6: long calls cancelled, closed under, left, and interleaved, after each step, in RAM.
import callslab

print(callslab.run("ram", 3), "calls cut off or interleaved")
print("OK")
