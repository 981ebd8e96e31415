"""What can be run, and the rooms it is made of; the only package that knows both `codec` and `speechllm`."""
