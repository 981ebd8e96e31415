"""The hifigan family: HiFi-GAN encoders and decoders of waveforms, such as LFSC and NanoCodec."""
