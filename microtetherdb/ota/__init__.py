"""Update over the air: download, verify, install, and after the restart confirm or roll back, see docs/update.md.

import asyncio
from microtetherdb import ota

ota.confirm("microtether.db")        # at every start: ends the trial of a fresh image
up = ota.Updater()
asyncio.run(up.update("http://host/RPI_PICO.json"))
up.restart()
"""

from .errors import *
from .updater import UPDATER, Updater


def confirm(test, **options):
    """`Updater(**options).confirm(test)`: to be called at every start, once the application works."""
    return Updater(**options).confirm(test)


def status(**options):
    """`Updater(**options).status()`: a dict about slots, trial, failed versions and a download broken off."""
    return Updater(**options).status()
