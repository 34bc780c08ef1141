"""The steps of deploy/README.md."""

import pathlib
import re

README = pathlib.Path("deploy/README.md").read_text()


def of(heading):
    """The commands of the first block under a heading, each on one line."""
    block = re.search(rf"^## {heading}\n.*?```sh\n(.*?)```", README, re.M | re.S)[1]
    return block.replace("\\\n", "").splitlines()
