"""Record the keys of a fixed experiment: ``python -m tests.regression.keys``, after they changed on purpose."""

import json

from tests.regression.test_keys import KEYS, keys

if __name__ == "__main__":
    KEYS.write_text(json.dumps(keys(), indent=1) + "\n", encoding="utf-8")
