"""OpenCV, each JPEG decoded at a quarter of its sides."""
import cv2

from jpegs import race_opencv

race_opencv(cv2.IMREAD_REDUCED_COLOR_4)
