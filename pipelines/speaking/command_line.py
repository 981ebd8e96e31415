"""The command line of speaking: pipelines/tts.py, and `lfsc-tts say`."""

from pipelines.speaking.arguments import manner_of, say_arguments
from pipelines.speaking.listing import print_voices
from pipelines.speaking.read_command import print_readings


def main(argv: list[str] | None = None, prog: str | None = None) -> None:
    args = say_arguments(argv, prog)
    if args.list_voices:
        print_voices(args.json)
        return
    manner = manner_of(args)
    if args.dry_run:
        print_readings(args)
        return
    from pipelines.speaking.say import say  # loads ONNX Runtime, which a dry run does without

    say(args, manner)
