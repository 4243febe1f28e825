"""Says which Debian package brings a Python module that is missing."""
import importlib.util
import sys


def missing(*modules):
    """A message that names the packages of all modules that this Python lacks, or None."""
    absent = [m for m in modules if importlib.util.find_spec(m) is None]
    if not absent:
        return None
    packages = " ".join("python3-" + m for m in absent)
    return (f"this Python ({sys.executable}) has no {', '.join(absent)}: on Debian install {packages} "
            "and use /usr/bin/python3")


def check(*modules):
    """For scripts: ends the program with that message."""
    message = missing(*modules)
    if message:
        sys.exit(message)
