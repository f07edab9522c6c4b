# The library and what it needs, for every image. Boards include this from their own manifest.
import re

with open("microtetherdb/__init__.py") as f:
    metadata(
        description="Document database for microcontrollers",
        version=re.search(r'^__version__ = "([^"]+)"', f.read(), re.M).group(1),
        license="MIT",
    )

package("microtetherdb")
include("$(MPY_DIR)/extmod/asyncio")
