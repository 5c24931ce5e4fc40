"""Side by side with others: training steps and predictions, measured in turns."""
