"""Start the stand-in: `python -m standin HOME`, where HOME is the plugin's folder with its schema.json."""

import sys
from pathlib import Path

from standin.server import serve

serve(Path(sys.argv[1]))
