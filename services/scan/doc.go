// Package scan looks for code in the files of a model: in pickles, wherever
// they hide (archives, compression, arrays, behind other content), in layers
// that carry functions, in links, scripts and programs, and in what MLmodel and
// requirements make a loader do. Files are known by their content, a name only
// adds suspicion. Nothing is executed, and nothing is written but scratch files
// below the folder that it is given. What could not be looked into is told
// apart from what was found.
package scan
