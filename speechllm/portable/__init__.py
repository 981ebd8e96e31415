"""The speech LM as a model of transformers, which pipelines/export_hf.py writes into folders that need no project."""
