"""Distillation: what the teacher would say under guidance is what the student says by itself."""

import pytest
import torch

pytest.importorskip("lightning", reason="the training scripts need lfsc-tts[train]")
import toys
from pipelines import train_lm
from pipelines.shared.errors import UserError
from speechllm import SpeechLM
from speechllm.data.shards import Example
from speechllm.model.voice_prefix import Reference
from speechllm.training.collating import Batch, collate
from speechllm.training.distillation import guided_logits, soft_digit_loss
from speechllm.training.module import LitSpeechLM, LMOptim, digit_loss


def batch_of(count: int = 4) -> Batch:
    """Utterances whose every token lasts two frames."""
    made = []
    for i in range(count):
        ids, frames = torch.randint(4, 30, (4 + i % 3,), generator=torch.Generator().manual_seed(i)), 2 * (4 + i % 3)
        made.append(Example(f"u{i}", ids, toys.random_codes(1, frames, i)[0].T, torch.arange(frames) // 2))
    return collate(made, toys.LEVELS, 1)


def test_a_teacher_that_is_sure_is_a_recording():
    """Soft targets that leave no doubt are the hard ones."""
    batch = batch_of()
    shape = *batch.digits.shape[:2], toys.toy_lm_config().codes.num_logits
    logits = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    one_hot = [
        torch.nn.functional.one_hot(batch.digits[..., i], level).float() * 100
        for i, level in enumerate(toys.LEVELS * toys.TOY_SPEC.num_codebooks)
    ]
    soft = soft_digit_loss(logits, torch.cat(one_hot, dim=-1), toys.LEVELS)
    torch.testing.assert_close(soft, digit_loss(logits, batch.digits, toys.LEVELS))


def test_guidance_of_one_is_the_teacher_and_more_goes_on_from_what_it_says_without_the_text():
    teacher, batch = toys.toy_lm(), batch_of()
    with torch.no_grad():
        given = batch.ids, batch.text_lengths, batch.digits, batch.positions
        seen = teacher(*given).digits
        unseen = teacher(*given, text_known=torch.zeros(4, dtype=torch.bool)).digits
    torch.testing.assert_close(guided_logits(teacher, batch, 1.0), seen)
    torch.testing.assert_close(guided_logits(teacher, batch, 3.0), 3 * seen - 2 * unseen, atol=1e-4, rtol=1e-4)


def test_a_teacher_is_told_whose_voice_it_is():
    teacher, batch = toys.toy_lm(toys.toy_lm_config(speaker_dim=6)), batch_of()
    reference = Reference(torch.eye(6)[:4], torch.ones(4, dtype=torch.bool), batch.digits[:, :1], torch.zeros(4).long())
    with torch.no_grad():
        given = batch.ids, batch.text_lengths, batch.digits, batch.positions
        wanted, others = (
            teacher(*given, reference=one).digits
            for one in (reference, reference._replace(speakers=reference.speakers.flip(0)))
        )
    found = guided_logits(teacher, batch._replace(reference=reference), 1.0)
    torch.testing.assert_close(found, wanted)
    assert (wanted - others).abs().max() > 1e-3


def test_guidance_goes_on_from_what_nobody_in_particular_says():
    teacher, batch = toys.toy_lm(toys.toy_lm_config(speaker_dim=6)), batch_of()
    torch.nn.init.normal_(teacher.speaker.nobody, generator=torch.Generator().manual_seed(0))
    reference = Reference(torch.eye(6)[:4], torch.ones(4, dtype=torch.bool), batch.digits[:, :1], torch.zeros(4).long())
    with torch.no_grad():
        given = batch.ids, batch.text_lengths, batch.digits, batch.positions
        seen = teacher(*given, reference=reference).digits
        nobody = teacher.voice_prefix(None).expand(4, -1, -1)
        unseen = teacher(*given, prefix=nobody, text_known=torch.zeros(4, dtype=torch.bool)).digits
    found = guided_logits(teacher, batch._replace(reference=reference), 3.0)
    torch.testing.assert_close(found, 3 * seen - 2 * unseen, atol=1e-4, rtol=1e-4)


def test_a_student_learns_to_say_it_in_one_pass():
    teacher, batch = toys.toy_lm(seed=1), batch_of()
    module = LitSpeechLM(SpeechLM(toys.toy_lm_config(dim=64)), LMOptim(guidance=2.0, hidden_texts=1.0), teacher)
    module.on_fit_start()
    assert not any(name.startswith("teacher") for name in module.state_dict()), "a checkpoint is of the student alone"
    guided = guided_logits(teacher, batch, 2.0)
    optimizer, real = (
        torch.optim.AdamW(module.parameters(), 3e-3),
        torch.arange(guided.shape[1]) < batch.frames[:, None],
    )
    own = float(soft_digit_loss(guided, guided, toys.LEVELS)[real].mean())  # what is left when all is learned
    excess = []
    for _ in range(80):
        output = module.model(batch.ids, batch.text_lengths, batch.digits, batch.positions)
        losses = module.losses(output, batch, guided)
        excess.append(losses["codes"].item() - own)
        optimizer.zero_grad()
        losses["loss"].backward()
        optimizer.step()
    assert 0 <= excess[-1] < 0.2 * excess[0]


def test_a_teacher_of_other_codes_is_refused(tmp_path):
    toys.toy_lm(toys.toy_lm_config(vocab_size=40, frames_per_step=2)).save_pretrained(tmp_path)
    with pytest.raises(UserError, match="the teacher .* another number of frames a step"):
        train_lm.load_teacher(tmp_path, toys.toy_lm_config())
    toys.toy_lm().save_pretrained(tmp_path)
    assert train_lm.load_teacher(tmp_path, toys.toy_lm_config()).config == toys.toy_lm_config()


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (dict(speaker_dim=6), "one knows many voices, and the other knows one"),
        (dict(max_text=200), "takes 96 tokens and 512 frames; this model takes more"),
        (dict(max_frames=513), "takes 96 tokens and 512 frames; this model takes more"),
    ],
)
def test_a_teacher_that_would_fail_on_the_way_is_refused_before(tmp_path, shape, message):
    toys.toy_lm().save_pretrained(tmp_path)
    with pytest.raises(UserError, match=message):
        train_lm.load_teacher(tmp_path, toys.toy_lm_config(**shape))


def test_a_teacher_of_other_voices_is_refused(tmp_path):
    toys.toy_lm(toys.toy_lm_config(speaker_dim=6, prefix_queries=2, prefix_heads=2)).save_pretrained(tmp_path)
    with pytest.raises(UserError, match="has model.speaker_dim=6, this one 8"):
        train_lm.load_teacher(tmp_path, toys.toy_lm_config(speaker_dim=8))
    by_vector = toys.toy_lm_config(speaker_dim=6, max_text=94)  # what the prefixes take is no text
    assert train_lm.load_teacher(tmp_path, by_vector).config.prefix_positions == 3
    with pytest.raises(UserError, match="use --attention=plain"):
        train_lm.load_teacher(tmp_path, by_vector, "flex")


def test_a_student_sees_the_text_that_its_teacher_saw(tmp_path):
    options = dict(shards=tmp_path, tokenizer=tmp_path, optim=LMOptim(hidden_texts=0.3, hidden_prompts=0.2))
    assert train_lm.corruption_of(train_lm.TrainLM(**options)).hidden_texts == 0.3
    student = train_lm.corruption_of(train_lm.TrainLM(**options, teacher=tmp_path))
    assert (student.hidden_texts, student.hidden_prompts) == (0.0, 0.2)
