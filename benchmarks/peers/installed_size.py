"""Bytes of a distribution as installed here, with all that it requires."""
import re
import sys
from importlib.metadata import PackageNotFoundError, distribution

found = {}


def add(name):
    if name in found:
        return
    try:
        found[name] = distribution(name)
    except PackageNotFoundError:  # of another platform or Python
        return
    for requirement in found[name].requires or []:
        if "extra" not in requirement.partition(";")[2]:
            add(re.match(r"[\w.-]+", requirement).group().lower())


add(sys.argv[1])
files = {file.locate() for one in found.values() for file in one.files}
print(sum(file.stat().st_size for file in files if file.is_file()))
