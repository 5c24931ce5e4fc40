"""The bugs of `planted_bugs` that are planted in losses: (what, file, right text, wrong text)."""

from __future__ import annotations

LOSS = "ops/loss/{}.py".format
ENTROPY, SHARED, MEAN = LOSS("cross_entropy"), LOSS("class_loss"), LOSS("row_loss")
CTC, BINARY, HINGE = LOSS("ctc"), LOSS("sigmoid_cross_entropy"), LOSS("hinge")

LOSS_BUGS = (
    ("CTC: equal labels merged", CTC, "= labels[1:] != labels[:-1]", "= True"),
    ("CTC: the last blank forgotten", CTC, "reduce(alpha[-1, -2:])", "reduce(alpha[-1, -2:-1])"),
    ("CTC: the step itself in both halves", CTC, "(z[states, t + 1] + beta[t + 1])", "beta[t + 1]"),
    ("CTC: not divided by the labels", CTC, ") / max(1, len(own))", ")"),
    ("CTC: what fills up is read", CTC, "[row[row != PADDING].astype", "[row.astype"),
    ("CTC: paths weigh as if they were one", CTC, "beta - total).T", "beta - alpha.max()).T"),
    ("cross-entropy: sign of the gradient", ENTROPY, "* said - a\n", "* -said + a\n"),
    (
        "cross-entropy: the log-sum counted once, whatever the shares sum to",
        ENTROPY,
        "a.sum(axis=1) * _log_sum_exp(z) -",
        "_log_sum_exp(z) -",
    ),
    (
        "cross-entropy: gradient as if the shares summed to 1",
        ENTROPY,
        "a.sum(axis=1, keepdims=True) * said",
        "said",
    ),
    (
        "losses of shares: class weights forgotten",
        SHARED,
        "shares * self._weighing(given)",
        "shares",
    ),
    (
        "losses of shares: a mean over pictures instead of weights",
        SHARED,
        "IGNORED, 0, weights)",
        "IGNORED, 0, 1)",
    ),
    (
        "losses of shares: an ignored row counts in the mean",
        SHARED,
        "return np.where(given.classes == IGNORED, 0, weights)",
        "return np.where(given.classes == IGNORED, 1, weights)",
    ),
    (
        "losses: an ignored row is smoothed",
        LOSS("target"),
        "found[self.classes == IGNORED] = 0",
        "pass",
    ),
    (
        "losses: a float64 target makes a float64 loss",
        LOSS("target"),
        ").astype(self.scores.dtype)",
        ") * 1.0",
    ),
    (
        "losses: a batch is averaged over its pictures, whatever they weigh",
        LOSS("loss_operator"),
        "weights / weights.sum()",
        "np.full_like(weights, 1 / len(weights))",
    ),
    (
        "losses: gradient not divided by the weight",
        MEAN,
        "each = _divided(error, self._weights(given, pictures))",
        "each = error",
    ),
    (
        "losses: the sum over places instead of the mean",
        MEAN,
        "return _divided(total, self._weights(given, len(call.x)))",
        "return total",
    ),
    (
        "losses: places of the gradient mixed up",
        MEAN,
        "np.moveaxis(slopes.reshape(shape), -1, 1)",
        "slopes.reshape(call.x.shape)",
    ),
    (
        "losses: rows mix up classes and places",
        LOSS("target"),
        "np.moveaxis(x, 1, -1).reshape(",
        "x.reshape(",
    ),
    (
        "log-loss: gradient not divided by the probability",
        LOSS("log_loss"),
        "-self.coefficients(given) * _inverse(given.scores)",
        "-self.coefficients(given)",
    ),
    (
        "squared error: mean instead of sum",
        LOSS("squared_error"),
        "** 2).sum(axis=1) / 2",
        "** 2).mean(axis=1) / 2",
    ),
    ("MAP loss: rubbish class forgotten", LOSS("map_loss"), " + np.exp(least - self.j)", ""),
    (
        "MAP loss: gradient as if the shares summed to 1",
        LOSS("map_loss"),
        "q - q.sum(axis=1, keepdims=True) * likely",
        "q - likely",
    ),
    ("hinge: the right class gets no gradient", HINGE, "= -slopes.sum(axis=1)", "= 0"),
    ("hinge: gradient of the square without the 2", HINGE, "return 2 * lack if", "return lack if"),
    (
        "hinge: class weight forgotten in the gradient",
        HINGE,
        "return slopes * self._weighing(given)[:, None]",
        "return slopes",
    ),
    (
        "hinge: class weight of the square",
        HINGE,
        "self._weighing(given) * (self._lack(given) ** self.p).sum(axis=1)",
        "((self._weighing(given)[:, None] * self._lack(given)) ** self.p).sum(axis=1)",
    ),
    (
        "sigmoid cross-entropy: softplus of the wrong sign",
        BINARY,
        "np.maximum(z, 0) + np.log1p",
        "np.maximum(-z, 0) + np.log1p",
    ),
    (
        "sigmoid cross-entropy: pos_weight on the no",
        BINARY,
        "weight * positive * q, weight * (1 + (positive - 1) * q)",
        "weight * q, weight * (positive + (1 - positive) * q)",
    ),
    (
        "sigmoid cross-entropy: smoothed to no instead of 1/2",
        BINARY,
        "given.smoothed(self.smoothing, 1 / 2)",
        "given.smoothed(self.smoothing, 0)",
    ),
)
