"""What the scripts beside this file have in common: checks that are counted, and the line that ends their output."""

import sys
import traceback

passed = failed = 0


def check(name, condition, detail=""):
    """Counts a check, and tells the ones that fail."""
    global passed, failed
    if condition:
        passed += 1
    else:
        failed += 1
        print(f"FAILED {name} {detail}")


def step(name, run):
    """A group of checks; an exception fails it and lets the others go on."""
    global failed
    try:
        run()
    except Exception:  # whatever it is, it is told
        failed += 1
        print(f"FAILED {name}\n{traceback.format_exc(limit=-3)}")


def end():
    """Tells how many checks passed and failed, and exits."""
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0)
