"""What the test scripts share: each test runs in one temporary folder, and the last line counts them."""
import os
import sys
import tempfile
import traceback


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
