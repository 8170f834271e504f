"""Audio-visual segmentation from annotation to report: the library behind the DVC stages."""
