"""The steps of README.md and deploy/README.md."""

import pathlib
import re


def of(heading, readme="deploy/README.md"):
    """The commands of the first block under a heading, each on one line."""
    text = pathlib.Path(readme).read_text()
    block = re.search(rf"^#+ {heading}\n.*?```sh\n(.*?)```", text, re.M | re.S)[1]
    return block.replace("\\\n", "").splitlines()
