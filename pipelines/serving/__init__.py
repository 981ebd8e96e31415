"""Speech over HTTP: the API that OpenAI's clients speak, on the light runtime."""
