# boards: unix unix32
# heap: 1m
# SPEC section 6: long calls cancelled, closed under, left, and interleaved, after each step, on a file.
import callslab

print(callslab.run("file", 5), "calls cut off or interleaved")
print("OK")
