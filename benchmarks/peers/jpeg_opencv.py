"""OpenCV, each JPEG decoded whole."""
import cv2

from jpegs import race_opencv

race_opencv(cv2.IMREAD_COLOR)
