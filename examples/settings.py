"""Settings with defaults: checked, changed together or not at all, and there after a power cut.

    make run ARGS=examples/settings.py

Run it again: what it changed is still there.
"""

from microtetherdb import MicroTetherDB

FILE = "settings.db"
DEFAULTS = {"name": "greenhouse", "interval": 60, "wifi.ssid": "", "wifi.password": "", "target": 21.5, "starts": 0}


class Settings:
    """The settings of a device, as a dictionary with fixed names."""

    def __init__(self, db):
        self.db = db

    def __getitem__(self, name):
        # Only what differs from the default is stored: a new firmware may bring a new default, or a new setting.
        return self.db.get("setting/" + name, DEFAULTS[name])

    def change(self, **changes):
        """Change settings, all or none: `change(wifi_ssid="attic", ...)`, with _ for the point in a name."""
        items = []
        for name, value in changes.items():
            name = name.replace("_", ".")
            if name not in DEFAULTS:
                raise ValueError("no setting is called %s" % name)
            if not isinstance(value, type(DEFAULTS[name])):
                raise ValueError("%s: %s, not %s" % (name, type(DEFAULTS[name]).__name__, type(value).__name__))
            items.append(("setting/" + name, value))
        # A batch is on flash as a whole or not at all: after a power cut there is no new SSID beside an old password.
        self.db.put_batch(items)

    def reset(self):
        """Go back to the defaults, in one change too. `starts` is a counter and stays."""
        keys = list(self.db.keys(prefix="setting/"))
        self.db.delete_batch([key for key in keys if key != "setting/starts"])


# flush_threshold=1: a change is durable when the call returns. That costs an erase of flash each time (docs/start.md), which
# settings can afford, as they change rarely. So there is nothing to close before the power goes, and this program does not.
db = MicroTetherDB(FILE, in_memory=False, flush_threshold=1)
settings = Settings(db)
settings.change(starts=settings["starts"] + 1)
print("start %d of %s" % (settings["starts"], settings["name"]))

if settings["starts"] == 1:
    settings.change(wifi_ssid="attic", wifi_password="correct horse", target=19.0)
    try:
        settings.change(name="shed", interval="often")  # the name would do, the interval does not
    except ValueError as e:
        print("refused:", e)
for name in sorted(DEFAULTS):
    print("  %-14s %r%s" % (name, settings[name], "" if "setting/" + name in db else " (default)"))
if settings["starts"] == 3:
    settings.reset()
    print("third start: back to the defaults")
