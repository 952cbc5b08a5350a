"""What the test scripts share: each test runs in one temporary folder, and the last line counts them."""
import os
import sys
import tempfile
import traceback


def contents():
    return {name: open(name, "rb").read() if os.path.isfile(name) else None for name in os.listdir(".")}


def refused(call, words, expected, status, printed):
    """A test: call(*words) ends with this status, says what is expected in a line or two after at most `printed` lines
    of output, and touches no file."""
    def test():
        before = contents()
        result = call(*words)
        assert result.returncode == status, f"exit status {result.returncode}: {result.stderr}"
        for text in expected:
            assert text in result.stderr, f"expected {text!r}, but it says {result.stderr!r}"
        assert len(result.stderr.splitlines()) <= 2 and len(result.stdout.splitlines()) <= printed, result
        assert contents() == before, "files were left behind, or changed"
    return test


def run(good, bad, prepare=lambda: None):
    """Runs the functions of the list `good` and those of the dictionary `bad`; returns an exit status."""
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        prepare()
        for name, test in [(test.__name__, test) for test in good] + list(bad.items()):
            try:
                test()
                passed += 1
            except Exception:  # a failed test must not end the others
                failed += 1
                print(f"FAILED: {name}")
                traceback.print_exc(file=sys.stdout)
        os.chdir("/")
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0
