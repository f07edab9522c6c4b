"""The QEMU boards: what runs there arrives whole, and what goes wrong there is told with the guest's registers."""

import binascii

import pytest
import qemu
from conftest import QEMU

BOARDS = pytest.mark.parametrize("board", list(QEMU))

FAULT = "import uctypes\nprint('before')\nuctypes.bytearray_at(0x08000000, 4)[0]"  # a read where there is no memory
REPORT = {"m33": r"HardFault exception caught:\n(?s:.*)xPSR: ", "rv32": r"MACHINE EXCEPTION CAUGHT:\n(?s:.*)Load"}


@BOARDS
def test_a_fault_is_reported_with_the_registers(board, tmp_path):
    with pytest.raises(AssertionError, match="crashed\nbefore\n(?s:.*)" + REPORT[board]):
        qemu.run(FAULT, QEMU[board], tmp_path / "memory")


@BOARDS
def test_an_endless_loop_is_reported_with_output_and_registers(board, tmp_path):
    with pytest.raises(AssertionError, match="no end within 1 s of processor time\nbefore\n(?s:.*)(R15=|mepc )"):
        qemu.run("print('before')\nwhile True: pass", QEMU[board], tmp_path / "memory", timeout=1)


@BOARDS
def test_an_exception_comes_with_its_traceback(board, tmp_path):
    with pytest.raises(AssertionError, match=r'status 1 on QEMU_(?s:.*)"script.py", line 2(?s:.*)ZeroDivisionError'):
        qemu.run("print(1)\n1 // 0", QEMU[board], tmp_path / "memory")


@BOARDS
def test_nothing_is_lost_on_the_way(run, board):
    """A large script and file in, 200 KB out, and what is on the RAM disk is there after the next power-on."""
    data = bytes(range(256)) * 150
    code = (
        "with open('kept', 'w') as f: f.write('here')\nimport binascii\nd = open('data', 'rb').read()\n%s\nprint(binascii.crc32(d), len(x))\n"
        % ("x = '''%s'''" % ("abcdefghij\n" * 4000))
        + "for i in range(5000): print('%06d' % i * 6)"
    )
    out = run(code, board, files={"data": data})
    assert out.splitlines() == ["%d 44000" % binascii.crc32(data)] + ["%06d" % i * 6 for i in range(5000)]
    assert run("print(open('kept').read(), len(open('data', 'rb').read()))", board) == "here %d\n" % len(data)


@BOARDS
def test_the_machine_is_a_microcontroller(run, board):
    code = (
        "import gc, sys, time\ngc.collect()\nassert 180000 < gc.mem_free() < 192 * 1024, gc.mem_free()\nassert 1e38 * 10 == float('inf')\n"
        "assert sys.maxsize == 2**31 - 1 and sys.platform == 'qemu'\nt = time.ticks_us()\ntime.sleep_ms(20)\n"
        "assert 20000 <= time.ticks_diff(time.ticks_us(), t) < 2000000\nimport asyncio, btree, select, json\nprint('OK')"
    )
    assert run(code, board) == "OK\n"
