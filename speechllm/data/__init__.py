"""What speech LMs are trained on."""
