"""Record the keys of a fixed experiment: ``python -m tests.regression.keys``, after a version was raised on purpose."""

import json

from tests.regression.test_keys import KEYS, paths, versions

if __name__ == "__main__":
    KEYS.write_text(json.dumps({"versions": versions(), "paths": paths()}, indent=1) + "\n", encoding="utf-8")
