"""Whether what the files of deploy/ name is there: in each other, in the server, and in the steps of deploy/README.md.

Their forms are checked by the tools that read them (scripts/check-deploy, which starts this). Run it in the project's folder;
its arguments are what `kubectl kustomize deploy` prints, and the `kubectl` that tells what the steps make.
"""

import pathlib
import sys

import yaml

import compose
import image
import kubernetes
import nginx
import server
import systemd

built, kubectl = (pathlib.Path(each).absolute() for each in sys.argv[1:])
objects = [each for each in yaml.safe_load_all(built.read_text()) if each]
wrong = [
    *server.wrong(),
    *nginx.wrong(),
    *image.wrong(),
    *compose.wrong(),
    *systemd.wrong(),
    *kubernetes.wrong(objects, kubectl),
]
sys.exit("\n".join(f"check-deploy: {each}" for each in wrong) or 0)
