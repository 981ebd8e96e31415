"""What Lightning says that is of no use to whoever trains here, left out of the terminal; everything else stays."""

import logging
import warnings

SPEAKERS = ("lightning.pytorch.utilities.rank_zero", "lightning.pytorch.trainer.connectors.checkpoint_connector")
OF_NO_USE = (
    "litlogger",  # an advertisement
    "`weights_only` was not set",  # of an export, which reads nothing
    "TPU available",
    "`max_epochs=1` reached",  # every run is one epoch; what ends it is said in steps
)


def of_use(record: logging.LogRecord) -> bool:
    """Whether a message is to be shown."""
    message = record.getMessage()
    return not any(part in message for part in OF_NO_USE)


def quieten() -> None:
    """Leave out what is of no use, from now on; a second call changes nothing."""
    for name in SPEAKERS:
        logging.getLogger(name).addFilter(of_use)
    warnings.filterwarnings("ignore", "`isinstance.treespec, LeafSpec.` is deprecated")
