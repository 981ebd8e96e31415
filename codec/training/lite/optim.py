"""Losses and optimisers of a lite codec's training."""

from dataclasses import dataclass

from codec.training.ranges import AtLeastOne, Count, Decay, NotNegative, Positive, Share


@dataclass(frozen=True)
class CodecOptim:
    """Their weights and schedules; see configs/codec/lite-21.5fps.yaml."""

    max_steps: AtLeastOne = 20_000
    freeze_from: Count = 7_500  # step from which the encoder is frozen and discriminators come in
    warmup_steps: Count = 50
    learning_rate: Positive = 2e-3
    frozen_learning_rate: Positive = 5e-4  # from freeze_from on
    discriminator_learning_rate: Positive = 3e-4
    final_learning_rate: Share = 0.05  # share of the learning rate left at freeze_from and at the end
    betas: tuple[Decay, Decay] = (0.8, 0.99)
    weight_decay: NotNegative = 1e-3
    clip_norm: Positive = 5.0
    parts: tuple[str, ...] = ("features", "vocoder")  # what learns; they can also be trained apart, at the same time
    usage_weight: NotNegative = 0.0  # of codes that are used alike, until freeze_from
    listening_weight: NotNegative = 0.5  # of what a listener, if there is one, hears, from freeze_from on
    feature_weight: NotNegative = 4.0
    pitch_weight: NotNegative = 8.0
    envelope_weight: NotNegative = 4.0
    adversarial_weight: NotNegative = 0.5
    matching_weight: NotNegative = 2.0
    discriminator_channels: AtLeastOne = 32
