"""A folder to the Hugging Face hub, or to any server that speaks as it does (HF_ENDPOINT)."""

import re
from pathlib import Path

from huggingface_hub import HfApi

from pipelines.shared.errors import UserError

REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


def check(repository: str) -> None:
    """Refuse what is no OWNER/NAME."""
    if not REPOSITORY.fullmatch(repository):
        raise UserError(f"got --push {repository!r}; expected OWNER/NAME")


def push(folder: Path, repository: str, private: bool) -> str:
    """Upload a folder as a model, in one commit; returns its address.

    Raises:
        UserError: the hub does not take it; the message says what it said, and how to try again.
    """
    api = HfApi()
    try:
        api.create_repo(repository, private=private, exist_ok=True)
        done = api.upload_folder(repo_id=repository, folder_path=folder, commit_message="Model of lfsc-tts")
    except Exception as error:  # no common base: connection, permission, missing token, offline mode
        said = " ".join(str(error).split())[:300]
        again = f"hf upload {repository} {folder} .{' --private' * private}"
        raise UserError(f"{repository} was not pushed ({said}); {folder} is complete: {again}") from error
    return str(done.commit_url)
