# boards: unix unix32 m33
# A flush of a new tree that nothing was put into must not keep its meta page from being written later.
import btree
import io

f = io.BytesIO()
t = btree.open(f, pagesize=512)
t.flush()
t["a"] = b"1"
t.flush()
again = btree.open(io.BytesIO(f.getvalue()), pagesize=512)
assert again["a"] == b"1" and list(again) == [b"a"]
print("OK")
