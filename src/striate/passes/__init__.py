"""From graph to graph, without torch: attach a loss, fold normalization, slide over pictures."""
