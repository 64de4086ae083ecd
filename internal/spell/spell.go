// Package spell guesses which known word somebody meant who wrote another one.
package spell

// Closest is the candidate that needs the fewest letters (bytes) changed, put in or left out to be made of word, the first of
// several: at most `most` of them, and fewer than the candidate has. "" when there is none. Capitals are other letters.
func Closest(word string, candidates []string, most int) string {
	best, least := "", most+1
	for _, c := range candidates {
		if d := distance(word, c); d < least && d < len(c) {
			best, least = c, d
		}
	}
	return best
}

// distance is how many bytes are to be changed, put in or left out to make b of a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
