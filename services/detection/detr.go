package detection

import "math"

// shares reads RT-DETR: each query's best class, boxes as shares of the
// picture; nothing is suppressed.
func shares(data []float32, columns int, in Input, confidence float32) []candidate {
	var out []candidate
	for ; len(data) >= columns; data = data[columns:] {
		class, score := largest(data[4:columns])
		if score > confidence {
			out = addShare(out, data, in, score, class)
		}
	}
	return out
}

// detr reads raw logits and boxes. As many columns as classes are independent
// scores (RT-DETR, Deformable DETR); one more is "no object", and they share
// one distribution (DETR, YOLOS).
func detr(boxes []float32, logits Output, in Input, confidence float32) []candidate {
	rows, columns := matrix(logits.Shape)
	classes := in.classes()
	if classes == 0 || classes > int(columns) {
		classes = int(columns)
	}
	var out []candidate
	for q := range int(rows) {
		row := logits.Data[q*int(columns):][:columns]
		class, top := largest(row[:classes])
		score := float32(1 / (1 + math.Exp(-float64(top))))
		if classes < int(columns) {
			score = softmax(row, class)
		}
		if score > confidence {
			out = addShare(out, boxes[4*q:], in, score, class)
		}
	}
	return out
}

func addShare(out []candidate, box []float32, in Input, score float32, class int) []candidate {
	w, h := float32(in.Width), float32(in.Height)
	return addCentred(out, box[0]*w, box[1]*h, box[2]*w, box[3]*h, score, class)
}

func largest(row []float32) (at int, value float32) {
	value = row[0]
	for i, v := range row {
		if v > value {
			at, value = i, v
		}
	}
	return at, value
}

func softmax(row []float32, at int) float32 {
	_, top := largest(row)
	sum := 0.0
	for _, v := range row {
		sum += math.Exp(float64(v - top))
	}
	return float32(math.Exp(float64(row[at]-top)) / sum)
}
