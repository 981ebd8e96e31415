"""Make the files that NeMo's side imports too importable here."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
