"""Training speech LMs, and aligning the corpora they are trained on."""
