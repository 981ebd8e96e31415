"""What pyproject.toml cannot say: a wheel holds the voices and the configurations inside `pipelines`.

In a clone they are read where they are; see pipelines/shared/resources.py.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

RESOURCES = ("voices/heart", "voices/english", "configs")


class BuildWithResources(build_py):
    """Copies the resources beside the modules."""

    def run(self) -> None:
        if self.editable_mode:
            super().run()
            return
        shutil.rmtree(self.build_lib, ignore_errors=True)  # else a wheel has the files that an earlier one had
        super().run()
        for folder in RESOURCES:
            shutil.copytree(folder, Path(self.build_lib, "pipelines/resources", folder))


setup(cmdclass={"build_py": BuildWithResources})
