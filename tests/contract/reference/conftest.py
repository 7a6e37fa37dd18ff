"""Without the reference's environment, which `run.py` makes, nothing of this folder is collected."""

import os

from tests.contract.reference.interpreter import VARIABLE

collect_ignore_glob = [] if VARIABLE in os.environ else ["test_*.py"]
