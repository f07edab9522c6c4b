# boards: unix unix32 rv32
# nightly: m33
# qemu heap: 4m
# heap: 260k
# SPEC sections 2 and 5: load() takes JSON and nothing else, naming the record that is none; the records before it are stored.
import io
import os
from collections import OrderedDict

from expect import raises
from microtetherdb import MicroTetherDB

GOOD = '{"_id":"one","data":{"n":1}}\n'
BAD = (
    "null", "5", '"text"', "[]", "{}", '{"_id":"k"}', '{"data":1}', '{"_id":null,"data":1}', '{"_id":5,"data":1}', '{"_id":"","data":1}', '{"_id":["k"],"data":1}',
    '{"_id":"k","data":}', '{"_id":"k","data":01}', '{"_id":"k","data":1}x', '{"_id":"k","data":1}{}', '{"_id":"k","data":1,}', '{"_id":"k","data":{"a":1,}}',
    '{"_id":"k","_id":"l","data":1}', '{"_id":"k","data":{"a":1,"a":2}}', '{"_id":"k","data":"\\uZZZZ"}', '{"_id":"k","data":"\\u12"}', '{"_id":"k","data":"\\q"}',
    '{"_id":"k","data":"\\ud83d"}', '{"_id":"k","data":"a\tb"}', '{"_id":"k","data":nul}', '{"_id":"k","data":NaN}', '{"_id":"k","data":1e999}',
    '{"_id":"k","data":-1e999}', '{"_id":"k","data":{"x":[1e400]}}', '{"_id":"k","data":' + "[" * 15000, '{"_id":"k","data":' + '{"a":' * 3000 + "1" + "}" * 3001,
    '{"_id":"k","data":1,"tags":"x"}', '{"_id":"k","data":1,"tags":[5]}', '{"_id":"k","data":1,"ttl":"x"}', '{"_id":"k","data":1,"ttl":-1}', '\ufeff{"_id":"k","data":1}',
    "{'_id':'k','data':1}", '{"_id":"k" "data":1}', "\\", '"', "{", "[", "]", "}", ":", ",", "\0",
)  # fmt: skip

with MicroTetherDB(ram_percentage=40) as db:
    for line in BAD:
        for end in ("", "\n", "\n" + GOOD):
            e = raises(ValueError, "record 2:", db.load, io.StringIO(GOOD + "\n" + line + end))
            assert len(str(e)) < 200, e
            assert db.keys and list(db.keys()) == ["one"] and db["one"] == {"n": 1}, line
            db.delete(purge=True)

    # a file: what is not UTF-8, and lines that are longer than any record
    for raw in (b'"\xff"', b'"caf\xe9"', b'"\xc3"', b"\xfe\xff", b'"\xe2\x82"'):
        with open("load.jsonl", "wb") as f:
            f.write(GOOD.encode() + b'{"_id":"k","data":' + raw + b"}\n" + GOOD.encode())
        for mode in ("r", "rb"):
            with open("load.jsonl", mode) as f:
                raises(ValueError, "record 2:", db.load, f)
            assert len(db) == 1
    for unit in (b"x", b"[", b'{"a":', b"1,", b"\xc3\xa9", b"\xe2\x82\xac", b"\\"):
        with open("load.jsonl", "wb") as f:
            f.write(GOOD.encode() + b'{"_id":"k","data":' + (b"" if unit[0] in b"[{" else b'"'))
            for _ in range(300000 // len(unit) // 100):
                f.write(unit * 100)
        with open("load.jsonl") as f:
            raises(ValueError, "record 2:", db.load, f)
        assert len(db) == 1
    os.remove("load.jsonl")

    # good ones: escapes, white space, CR LF, blank lines, the longest record, the order of fields
    db.delete(purge=True)
    lines = [
        ' { "_id" : "a" , "data" : [ 1 , -0.5e-3 , "\\u00e9\\ud83d\\ude00\\\\\\"\\/\\n" , { } ] } \r\n', "\n", "  \r\n",
        '{"ttl":null,"tags":null,"data":null,"_id":"b"}\n',
        '{"_id":"c","data":{"z":1,"y":2,"x":3,"w":{"v":1,"u":2}},"tags":["t"],"ttl":50}\n',
        '{"_id":"%s","data":"%s"}\n' % ("k" * 128, "\\u00e9" * 2730),
        '{"_id":"d","data":"%s"}' % ("x" * 8190),
    ]  # fmt: skip
    assert db.load(io.StringIO("".join(lines))) == 5
    assert db["a"] == [1, -0.5e-3, '\u00e9\U0001f600\\"/\n', {}] and db.get("b", 1) is None and db["d"] == "x" * 8190
    assert db["k" * 128] == "\u00e9" * 2730 and 49 < db.ttl("c") <= 50 and len(db.query({"tags": "t"})) == 1
    assert b'{"z":1,"y":2,"x":3,"w":{"v":1,"u":2},"_tags":["t"]}' in db._store.get("c")

    # what was dumped is what is loaded, to the last byte
    db.put("fields", OrderedDict((("q", 1), ("p", OrderedDict((("b", 1), ("a", [2])))), ("o", "\x00\x1f\x7f\u2028"))))
    s = io.StringIO()
    n = db.dump(s)
    with MicroTetherDB(ram_percentage=40) as other:
        assert other.load(io.StringIO(s.getvalue())) == n
        for key in db.keys():
            if key != "c":
                assert other._store.get(key) == db._store.get(key), key
print("OK")
