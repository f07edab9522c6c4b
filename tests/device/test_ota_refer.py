# boards: unix unix32
# SPEC section 9: where a reference leads (RFC 3986, section 5.4), and where a server or a manifest may not lead.
from microtetherdb.ota import OTAError, SourceError
from microtetherdb.ota.source import join, refer

BASE = "http://a/b/c/d;p?q"
# normal, then abnormal examples of the RFC
TABLE = """
g:h g:h | g http://a/b/c/g | ./g http://a/b/c/g | g/ http://a/b/c/g/ | /g http://a/g | //g http://g | ?y http://a/b/c/d;p?y
g?y http://a/b/c/g?y | #s http://a/b/c/d;p?q#s | g#s http://a/b/c/g#s | g?y#s http://a/b/c/g?y#s | ;x http://a/b/c/;x
g;x http://a/b/c/g;x | g;x?y#s http://a/b/c/g;x?y#s | . http://a/b/c/ | ./ http://a/b/c/ | .. http://a/b/ | ../ http://a/b/
../g http://a/b/g | ../.. http://a/ | ../../ http://a/ | ../../g http://a/g
../../../g http://a/g | ../../../../g http://a/g | /./g http://a/g | /../g http://a/g | g. http://a/b/c/g. | .g http://a/b/c/.g
g.. http://a/b/c/g.. | ..g http://a/b/c/..g | ./../g http://a/b/g | ./g/. http://a/b/c/g/ | g/./h http://a/b/c/g/h
g/../h http://a/b/c/h | g;x=1/./y http://a/b/c/g;x=1/y | g;x=1/../y http://a/b/c/y | g?y/./x http://a/b/c/g?y/./x
g?y/../x http://a/b/c/g?y/../x | g#s/./x http://a/b/c/g#s/./x | g#s/../x http://a/b/c/g#s/../x | http:g http:g
"""
n = 0
for line in TABLE.strip().split("\n"):
    for pair in line.split(" | "):
        name, found = pair.split()
        assert join(BASE, name) == found, (name, join(BASE, name), found)
        n += 1
assert n == 41 and join(BASE, "") == BASE

for base, name, found in (
    ("http://h:1/a/b.json", "c?from=http://i/d", "http://h:1/a/c?from=http://i/d"),
    ("http://h:1/a/b.json", "c?v=1/2", "http://h:1/a/c?v=1/2"),
    ("http://h/a/b.json?of=x/y", "c", "http://h/a/c"),
    ("http://h/a/b.json#x/y", "c", "http://h/a/c"),
    ("http://h", "c", "http://h/c"),
    ("http://h?x/y", "c", "http://h/c"),
    ("HTTP://h/b.json", "c", "http://h/c"),
    ("https://h/b.json", "HTTPS://i/c", "https://i/c"),
    ("https://h/b.json", "//i/c", "https://i/c"),
    ("http://h/b.json", "a%20b", "http://h/a%20b"),
    # a path is no URL, and the reference stands for a file's name
    ("/sd/b.json", "a%20b", "/sd/a b"),
    ("/sd/b.json", "%C3%BC", "/sd/\xfc"),
    ("/sd/b.json", "100%", "/sd/100%"),
    ("/sd/b.json", "%FF", "/sd/%FF"),
    ("/sd/b.json", "%zz", "/sd/%zz"),
    ("/sd/b.json", "c?d#e", "/sd/c?d#e"),
    ("/sd/b.json", "HTTP://h/c", "HTTP://h/c"),
    ("b.json", "d/c", "d/c"),
):
    assert join(base, name) == found, (base, name, join(base, name))
    assert refer(base, name) == found

for base in ("http://h/b", "https://h/b", "HTTPS://h/b"):
    for name in ("ftp://h/c", "file:///c", "sd:/c", "c:d", "http:c", "http:///c", "http://", "//", "http://i/c", "HTTP://h/c"):
        ok = base[4] == ":" and name in ("http://i/c", "HTTP://h/c")
        try:
            refer(base, name)
            assert ok, (base, name)
        except SourceError as e:
            assert not ok and isinstance(e, OTAError), (base, name)
print("OK")
