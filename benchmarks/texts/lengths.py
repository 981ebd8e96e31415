"""What is said when time is measured: a short, a medium and a long text."""

LENGTHS = {
    "short": "Good morning to you.",
    "medium": "The birch canoe slid on the smooth planks, and nobody in the village had seen it coming.",
    "long": (
        "The harbour was quiet that evening. Two boats had come in late, and their crews were asleep already. "
        "Only the keeper of the lighthouse sat at his window, counting the waves as he had done for thirty years. "
        "He knew that the storm would come before the morning."
    ),
}
